"""``python -m samebytes``."""

from samebytes.cli.main import main

if __name__ == "__main__":
    main()
