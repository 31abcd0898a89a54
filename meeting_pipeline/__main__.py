"""`python -m meeting_pipeline` is `meeting`."""

from meeting_pipeline.cli.app import main

if __name__ == "__main__":
    main()
