"""What will a changeset mean, before anything of it is merged?"""
