"""Voltile: precision-scalable MAC hardware, what it costs, and how low its supply can go.

The rooms are sub-packages: `core`, `pdk`, `hdl`, `floorplan`, `power`, `sim`, `flows`.
"""

__version__ = "0.1.0"
