import sys

from wizard_server.cli import main

sys.exit(main())
