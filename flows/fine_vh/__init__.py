"""The main job: sources to FINE-VH operating curves, and the pages and files of its run folder."""
