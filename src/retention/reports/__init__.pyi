# The door of this folder: what is imported from here is public, one name a line.
