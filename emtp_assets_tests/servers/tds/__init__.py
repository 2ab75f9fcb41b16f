"""A loopback TDS 7.4 server for tests and the demonstration: T-SQL by sqlglot, data by DuckDB. It is not SQL Server.

It serves Microsoft's ODBC Driver 18, FreeTDS and mssql-python with logins, TLS 1.2, batches, prepared statements,
parameters, cancelling, streamed rows, the errors of SQL Server by number and a catalogue of views; and it fails when
told to (`Faults`).

What it does not do: Windows, Entra or federated logins; MARS; server cursors; bulk copy; table, XML, CLR or
`sql_variant` types; T-SQL beyond queries (no variables, IF, WHILE, procedures of one's own); transactions (they are
accepted and mean nothing, every change is final, and changes to the views themselves are accepted and not made); locks;
other databases.

Where a query runs it is DuckDB's: ties in an order, plans, times and the precision of sums of floats are its own;
trailing blanks count in comparisons; `datetimeoffset` values are all +00:00; LIKE knows no [ranges]; AVG of integers
keeps its decimals; a division by zero gives NULL; GETDATE() is UTC. What passes here has still to pass at the
ministry's own server.
"""

from emtp_assets_tests.servers.tds.catalogue import View
from emtp_assets_tests.servers.tds.faults import Faults
from emtp_assets_tests.servers.tds.login import Login, LoginAttempt
from emtp_assets_tests.servers.tds.server import TdsServer
from emtp_assets_tests.servers.tds.session import ExecutedQuery

__all__ = ["ExecutedQuery", "Faults", "Login", "LoginAttempt", "TdsServer", "View"]
