"""One file for each page: it asks the rooms, and hands what they say to a template."""
