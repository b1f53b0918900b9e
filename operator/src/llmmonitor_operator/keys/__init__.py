"""The keys that sidecars believe, and how one replaces another; decided by functions, kept in a Secret."""
