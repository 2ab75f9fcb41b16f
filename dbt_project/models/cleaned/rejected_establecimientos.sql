{{ rejected('establecimientos') }}
