"""What stands between `repro_audit.repeat` and a run; started as a folder, by its path."""
