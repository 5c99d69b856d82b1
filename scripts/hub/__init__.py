"""Models and data sets by name, NAME@REVISION, where a hub is there and its user turns it on."""
