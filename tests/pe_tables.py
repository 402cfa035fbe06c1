"""A table of element energies by formula, as `voltile characterize-pe` writes them."""

HEADER = (
    "pe,width,acc_width,precision,mode,vdd_v,frequency_hz,max_frequency_hz,macs_per_cycle,"
    "energy_per_mac_pj,switching_pj,internal_pj,leakage_pj,idle_pj_per_cycle,gated_pj_per_cycle,"
    "area_um2"
)
RATES = {"full": 1, "mixed": 2, "half": 4}
VDDS = (0.6, 0.8, 1.0)


def row(precision, rate, vdd, reach=None, total=None, gated=None, pe="spatial", sizes="8,32"):
    """Return a row: clock 1 GHz V2, a tenth more at half precision; energy of a MAC 2 pJ V2 over
    `rate`; leakage 100 uW V, 90 uW V when idle; 0.4 pJ V2 of clock in an idle cycle."""
    reach = reach or 1e9 * vdd**2 * (1.1 if precision == "half" else 1)
    number = 1 if rate == "nan" else rate
    part, leakage = 1.0 * vdd**2 / number, 1e8 * vdd / (reach * number)
    total = total or 2 * part + leakage
    idle_leakage = 0.9e8 * vdd / reach
    idle, gated = 0.4 * vdd**2 + idle_leakage, gated or idle_leakage
    numbers = (reach, reach, rate, total, part, part, leakage, idle, gated, 2000)
    listed = ",".join(item if isinstance(item, str) else f"{item:.12g}" for item in numbers)
    return f"{pe},{sizes},{precision},highest-frequency,{vdd:g},{listed}"


PE_ROWS = [row(precision, rate, vdd) for precision, rate in RATES.items() for vdd in VDDS]


def write_pe_table(path):
    """Write the table of an element `spatial` of 8 bits."""
    path.write_text("\n".join([HEADER, *PE_ROWS]) + "\n")
    return path
