"""What may be forgotten, because everybody has it?"""
