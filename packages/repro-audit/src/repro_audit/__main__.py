"""Run the command line: ``python -m repro_audit``."""

from repro_audit.cli import main

if __name__ == "__main__":
    main()
