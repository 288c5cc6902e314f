"""The carriers, one file each; wire/registry.py names the dialects that each of them carries."""
