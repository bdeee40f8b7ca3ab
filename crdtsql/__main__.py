"""`python -m crdtsql` is `crdtsql`."""

from crdtsql.ui.cli.group import main

main()
