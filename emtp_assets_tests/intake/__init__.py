"""Tests of the intake room, a module each."""
