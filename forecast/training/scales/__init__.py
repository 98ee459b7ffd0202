"""What a window is measured by before a network sees it, one file each."""
