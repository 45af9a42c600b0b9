"""What is done to the files themselves: looked over, mended, copied, brought back."""
