"""The rules of this project as judges, loaded as a server loads them."""
