//! Who asks: the key of a request.
