"""How is what nobody needs any more, or nobody may know, forgotten without holding up others?"""
