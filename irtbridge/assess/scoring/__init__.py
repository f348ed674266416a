"""How able is each person, and how sure is that?"""
