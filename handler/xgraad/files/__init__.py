"""What a checkpoint's folder holds, read and checked before any of it is used."""
