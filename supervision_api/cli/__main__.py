"""``python -m supervision_api.cli``."""

from supervision_api.cli.main import main

main()
