"""From a user's file or frame to panels and windows, and back."""
