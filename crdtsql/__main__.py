"""`python -m crdtsql` is `crdtsql`."""

from crdtsql.cli import main

main()
