"""What all of this needs: errors, flags, files, words."""
