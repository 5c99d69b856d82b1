"""How well a defense does: one protocol, its figures of merit, its parts one by one."""
