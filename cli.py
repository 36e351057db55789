"""`python cli.py …` is `rca …`."""

from renrakucho_ca.cli import main

if __name__ == "__main__":
    main()
