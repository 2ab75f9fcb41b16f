"""emtp_assets: SIGE deliveries to published figures. Nothing lives here but the package's name."""
