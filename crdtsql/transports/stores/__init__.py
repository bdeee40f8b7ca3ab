"""What is put into a store that answers nothing, what is taken from it, and what may be deleted?"""
