"""floorplan"""
