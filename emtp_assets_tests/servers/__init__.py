"""Test servers: real protocols on the loopback, each also a source of the demonstration; no test assertions here."""
