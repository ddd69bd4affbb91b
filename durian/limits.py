"""What a photograph's file may be, and the sentences for those that are more than that."""

MAX_BYTES = 20 * 1024 * 1024  # of a file

# Decoding has to fit into a server with 1.2 GB that holds TensorFlow and the model already. So its
# cost in memory sets the limit (`decoding._memory`). These two bound the time that it takes.
MAX_MEMORY = 230_000_000  # bytes for all photographs that are decoded at the same time
MAX_PIXELS = 8192 * 6144  # "50 megapixels"
MAX_JPEG_PIXELS = 16384 * 12288  # "200 megapixels", of which libjpeg computes an eighth a side

# No real photograph comes near these. Files made to keep a decoder busy do: Pillow walks a file's
# chunks one by one in Python, copies a GIF's comment for every 255 bytes of it and a JPEG's
# metadata for every 64 KB, and libjpeg passes over the whole picture for every scan.
MAX_READS = 20_000
MAX_GIF_READS = 2_000
MAX_EXIFS = 20
MAX_SCANS = 100

EMPTY = "This file is empty, so please choose the photo again."
UNREADABLE = "This photo could not be read, so please choose it again."
TOO_HEAVY = f"This photo is over {MAX_BYTES // 1024**2} MB, so please send a smaller copy."
TOO_LARGE = "This photo has too many pixels, so please send a smaller copy or a JPEG."
NOT_A_PHOTO = "This is not a photo we can open, so please send a JPEG, PNG, WebP or HEIC file."
DAMAGED = "This photo is damaged or only partly here, so please send it again."


class PhotoError(ValueError):
    """A photo that cannot be used; the message is one sentence for the person who sent it."""
