"""Attachments: logged anywhere, found in messages, uploaded beside the rows, read back."""
