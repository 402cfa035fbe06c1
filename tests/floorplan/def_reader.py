"""DEF through KLayout: what tests look up in a layout, and what holds for every placed mesh."""

import pytest

kdb = pytest.importorskip("klayout.db")


def read_def(path, technology, own_lef=()):
    """The layout of a DEF file, with LEF files beside those of the technology."""
    options = kdb.LoadLayoutOptions()
    reader = options.lefdef_config
    reader.lef_files = [str(item) for item in (*technology.lef_files, *own_lef)]
    reader.read_lef_with_def = False
    reader.instance_property_name = "instance"
    reader.pin_property_name = "pin"
    reader.net_property_name = "net"
    reader.produce_regions = True
    reader.produce_placement_blockages = True
    options.lefdef_config = reader
    layout = kdb.Layout()
    layout.read(str(path), options)
    return layout


def shapes_of(layout, layer, top):
    """Shapes of the layers whose names begin so, in the top cell."""
    found = []
    for info in layout.layer_infos():
        if info.name.startswith(layer):
            found += list(top.shapes(layout.find_layer(info)).each())
    return found


def outline(technology, instance):
    """Box of an instance: its macro's size, placed; a macro's own shapes need not fill it."""
    macro = technology.lef.macros[instance.cell.name]
    size = kdb.Box(0, 0, round(macro.width * 1e9), round(macro.height * 1e9))
    return instance.trans * size


def instances_by_name(layout):
    return {item.property("instance"): item for item in layout.top_cell().each_inst()}


def check_instances(layout, graph, placement, technology):
    """Every cell of the netlist, its macro, place and orientation."""
    netlist, grid = graph.netlist, placement.grid
    instances = instances_by_name(layout)
    assert layout.dbu == 0.001 and len(instances) == netlist.cells
    for cell, name in enumerate(netlist.cell_name):
        instance = instances[name]
        assert instance.cell.name == netlist.library.cell_name[netlist.cell_type[cell]]
        box = outline(technology, instance)
        assert box.left == round(placement.site[cell] * grid.site_width * 1e9)
        assert box.bottom == round(placement.row[cell] * grid.site_height * 1e9)
        # Every other row is turned over, so that rails meet.
        assert instance.trans.is_mirror() == (placement.row[cell] % 2 == 1)
        assert instance.trans.angle == 0


def check_tiles(layout, graph, placement, technology):
    """No two cells overlap, all lie in the fence of their tile, and the rest is blocked."""
    top, instances = layout.top_cell(), instances_by_name(layout)
    boxes = [outline(technology, instances[name]) for name in graph.netlist.cell_name]
    cells = kdb.Region(boxes)
    assert cells.merged().area() == sum(box.area() for box in boxes)
    fences = [shape.bbox() for shape in shapes_of(layout, "REGIONS", top)]
    assert len(fences) == placement.grid.tiles
    fences.sort(key=lambda box: (box.bottom, box.left))  # as tiles are numbered
    assert all(box.inside(fences[tile]) for box, tile in zip(boxes, placement.tile, strict=True))
    blocked = kdb.Region([shape.polygon for shape in shapes_of(layout, "PLACEMENT_BLK", top)])
    core = kdb.Region(shapes_of(layout, "OUTLINE", top)[0].bbox())
    assert (kdb.Region(fences) & blocked).is_empty()
    assert (core ^ (kdb.Region(fences) + blocked)).is_empty()


def check_pins(layout, graph, placement, layers, within):
    """Ports lie on the boundary, on one of the layers, at most `within` [nm] from their place."""
    netlist, top = graph.netlist, layout.top_cell()
    core = shapes_of(layout, "OUTLINE", top)[0].bbox()
    shapes = [shape for layer in layers for shape in shapes_of(layout, f"{layer}.PIN", top)]
    assert len(shapes) == len(netlist.port_name)
    pins = {shape.property("pin"): shape for shape in shapes}
    for port, name in enumerate(netlist.port_name):
        box = pins[name].bbox()
        assert box.inside(core)
        assert pins[name].property("net") == netlist.net_name[netlist.port_net[port]]
        x, y = round(placement.port_x[port] * 1e9), round(placement.port_y[port] * 1e9)
        edges = [box.left == 0 == x, box.right == core.right == x,
                 box.bottom == 0 == y, box.top == core.top == y]  # fmt: skip
        off = box.center().y - y if edges[0] or edges[1] else box.center().x - x
        # A shape in a corner is moved until it is inside.
        assert sum(edges) == 2 or (sum(edges) == 1 and abs(off) <= within)
