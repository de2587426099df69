"""Who is this, and are we sure?"""
