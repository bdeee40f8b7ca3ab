"""`python -m crdtsql` is `crdtsql`."""

from crdtsql.ui.cli.exchange import main

main()
