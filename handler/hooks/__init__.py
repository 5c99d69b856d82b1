"""One exchange through preprocess, inference and postprocess, and the wall around them."""
