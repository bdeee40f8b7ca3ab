"""How does a replica stay in step with remotes by itself?"""
