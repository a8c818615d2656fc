"""Images: bytes of PNG and JPEG into pixels, by Pillow."""
