"""SFTP: files of a server whose key IT vouched for. Which file it is and its whole download is `remote`'s."""

from emtp_assets.sources.sftp.source import SftpSource

__all__ = ["SftpSource"]
