"""How do stores that others run keep files: buckets and streams? Each needs a package that is imported when its address is opened."""
