"""Files as laboratories and their instruments write them are read, or refused with the way out."""

from __future__ import annotations

import sys
import zipfile

import numpy as np
import pytest

from matsweep.core.checks import UserError
from matsweep.identification.measurements import (
    Reading,
    measured_kind,
    read_loops,
    read_pulses,
    read_retention,
)


@pytest.fixture
def file(tmp_path):
    def write(text, name="m.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return path

    return write


UP = (1.0, 1.31, 1.57, 1.8)
DOWN = (1.8, 1.3, 1.1, 1.02)


def pulses(heading="device,pulse,polarity,conductance [uS]", row="a,{n},{sign},{g}", up="+1",
           down="-1", scale=1.0, mark="."):  # fmt: skip
    """Return a file of three pulses up and three down, from 1 to 1.8 and back to 1.02 uS."""
    lines = [heading]
    for sign, states in ((up, UP), (down, DOWN)):
        lines += [row.format(n=n, sign=sign, g=f"{scale * g:.6g}".replace(".", mark))
                  for n, g in enumerate(states)]  # fmt: skip
    return "\n".join(lines) + "\n"


def is_read(data):
    """Check that data are those of `pulses`."""
    [own] = data.sequences
    np.testing.assert_allclose(own.reads, 1e-6 * np.array([*UP, *DOWN]), rtol=1e-5)
    assert own.pulses.tolist() == [0, 1, 1, 1, 0, -1, -1, -1]
    assert own.linked.tolist() == [False] + [True] * 7
    assert own.cycle.tolist() == [0] * 8
    np.testing.assert_allclose(data.before, 1e-6 * np.array([*UP[:3], *DOWN[:3]]), rtol=1e-5)
    np.testing.assert_allclose(data.after, 1e-6 * np.array([*UP[1:], *DOWN[1:]]), rtol=1e-5)
    assert data.up.tolist() == [True] * 3 + [False] * 3
    return True


# ------------------------------------------------------------------------------ pulses, headings


@pytest.mark.parametrize(
    "text",
    [
        pulses(),
        pulses("DeviceID,Operation,PulseNo,G (uS)", "A1,{sign},{n},{g}", "SET", "RESET"),
        pulses("Dev\tPulse #\tLTP/LTD\tG / uS", "1\t{n}\t{sign}\t{g}", "P", "D"),
        pulses("cell,pulse_number,direction,conductance_nS", up="up", down="Down", scale=1e3),
        pulses("sample;n;type;Conductance (µS)", "x;{n};{sign};{g}", "Pot.", "Dep."),
        pulses("device,pulse,polarity,conductance [uS]", up="1.0", down="-1.0"),
        pulses("pulse,polarity,G [uS]", "{n},{sign},{g}"),
        pulses("device,pulse,polarity,current [nA],read voltage [mV]", "a,{n},{sign},{g},200",
               scale=200),
        pulses("device,pulse,polarity,note,g [S]", 'a,{n},{sign},"a, b",{g}', scale=1e-6),
        pulses("device , pulse , polarity , conductance [uS] , ", "a,{n},{sign},{g},,"),
        pulses("# from a bench\n\ndevice,pulse,polarity,conductance [uS]", "a,{n},{sign},{g} # x"),
        pulses("# device,pulse,polarity,conductance [uS]"),  # as numpy.savetxt comments it out
        pulses("device  pulse  polarity  G (uS)", "a   {n}  {sign}   {g}"),
        pulses("Operator,Ann\nDate,2024-03-01 10:00\n\ndevice,pulse,polarity,G\n,,,uS"),
    ],
)  # fmt: skip
def test_pulses_are_read_whatever_their_columns_are_called(file, text):
    assert is_read(read_pulses(file(text)))


def test_resistances_are_read(file):
    text = pulses("device,pulse,polarity,R (kOhm)")
    for g in {*UP, *DOWN}:
        text = text.replace(f",{g:.6g}\n", f",{1e3 / g:.9g}\n")
    assert is_read(read_pulses(file(text)))


def test_columns_may_be_named_on_the_command_line(file):
    heading = "Wafer,No of shot,Way,Value"
    columns = {"device": "Wafer", "pulse": "No of shot", "polarity": 3, "conductance": "value"}
    path = file(pulses(heading))
    assert is_read(read_pulses(path, Reading(columns=columns, unit="uS")))
    with pytest.raises(
        UserError, match=r"line 1: no column conductance \(there are Wafer, No of shot, Way, "
    ):
        read_pulses(path)
    with pytest.raises(
        UserError, match=r"columns.pulse must name a column .* 'No of shots'; did you"
    ):
        read_pulses(path, Reading(columns={**columns, "pulse": "No of shots"}))
    with pytest.raises(
        UserError, match=r"columns must be one of .*; got 'puls'; did you mean puls"
    ):
        Reading(columns={"puls": "n"})


def test_two_columns_for_one_quantity_are_not_guessed(file):
    path = file(pulses("device,pulse,polarity,G [uS],conductance [uS]", "a,{n},{sign},{g},{g}"))
    with pytest.raises(
        UserError, match=r"columns G .uS. and conductance .uS. may both hold the con"
    ):
        read_pulses(path)
    assert is_read(read_pulses(path, Reading(columns={"conductance": "G [uS]"})))


def test_without_numbers_each_line_is_a_pulse(file):
    text = "polarity,G [uS]\n" + "".join(f"+1,{g}\n" for g in UP) + "-1,1.3\nread,1.31\n-1,1.1\n"
    [own] = read_pulses(file(text)).sequences
    assert own.device == "m"
    assert own.pulses.tolist() == [0, 1, 1, 1, -1, 0, -1]
    assert own.linked[1:].all()


# ------------------------------------------------------------------- encodings and separators


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_encodings_of_windows_are_read(file, encoding):
    assert is_read(
        read_pulses(file(pulses("device,pulse,polarity,conductance [µS]"), encoding=encoding))
    )


@pytest.mark.parametrize("separator", [";", "\t"])
def test_decimal_commas_are_read(file, separator):
    heading = "device,pulse,polarity,conductance [uS]".replace(",", separator)
    row = "a,{n},{sign},{g}".replace(",", separator)
    assert is_read(read_pulses(file(pulses(heading, row, mark=","))))
    quoted = pulses(row='a,{n},{sign},"{g}"', mark=",")
    assert is_read(read_pulses(file(quoted)))


def test_excel_states_its_separator(file):
    text = "sep=;\n" + pulses(
        "device;pulse;polarity;conductance [uS]", "a;{n};{sign};{g}", mark=","
    )
    assert is_read(read_pulses(file(text)))


HEAD = "device;pulse;polarity;conductance [nS]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (pulses(mark=","), "line 3: 5 cells, but the heading has 4 .* by semicolons"),
        (HEAD + "a;0;1;1.234,5\n", "line 2: '1.234,5' has separators of thousands"),
        (HEAD + "a;0;1;1,234.5\n", "line 2: '1,234.5' has separators of thousands"),
        (HEAD + "a;0;1;1'234\n", "line 2: \"1'234\" has separators of thousands"),
        (HEAD + "a;0;1;1 234,5\n", "line 2: '1 234,5' has separators of thousands"),
        (HEAD + "a;0;1;1,234,567\n", "line 2: '1,234,567' has separators of thousands"),
        (HEAD + "a;0;1;900\na;1;1;1,234\n", "line 3: '1,234' may be a thousand or a decimal; give"),
        (HEAD + "a;0;1;1,5\na;1;1;1.7\n", "line 2: '1,5' does not fit, as line 3 has '1.7'"),
        (HEAD + "a;0;1;1_000\n", "line 2: column conductance must be a number, got '1_000'"),
        (HEAD + "a;0;1;#DIV/0!\n", "line 2: column conductance must be a number, got '#DIV/0!'"),
        (HEAD + "a;0;0,5;7\n", "line 2: column polarity must be .* '0,5'; if it is the voltage"),
        (HEAD + "a;0;sideways;7\n", r"column polarity must be \+1 or -1 .*, got 'sideways'$"),
        ('device\n1,",1\n1,"\n', r"line 2: 2 cells, but the heading has 1 \(got 1, ,1 1,\)"),
        (HEAD, "has no lines of numbers below its heading"),
        ("a;0;1;2\n", r"line 1: no column conductance \(there are a, 0, 1, 2\); name it, as in"),
        ("1;0;1;2\n", "line 1: no heading names the columns, got 1, 0, 1, 2; add one, or giv"),
        (HEAD.replace("nS", "us"), "'us' is no unit of conductance; there are fS, pS, nS, µS"),
        (HEAD.replace("nS", "a.u."), "'a.u.' is no unit of conductance"),
        (HEAD.replace(" [nS]", "") + "a;0;1;2\n", "column conductance has no unit; write it in"),
    ],
)  # fmt: skip
def test_numbers_that_could_mean_two_things_are_refused(file, text, message):
    with pytest.raises(UserError, match=message) as caught:
        read_pulses(file(text))
    assert "m.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_heading_that_stands_again_begins_a_record(file):
    """Files that were written one behind the other."""
    [own] = read_pulses(file(pulses("pulse,polarity,G [uS]", "{n},{sign},{g}") * 2)).sequences
    assert own.cycle.tolist() == [0] * 8 + [1] * 8
    assert own.reads[8:].tolist() == own.reads[:8].tolist()


def test_the_mark_of_decimals_may_be_given(file):
    path = file(HEAD + "a;0;1;1,234\na;1;1;1,250\n")
    assert read_pulses(path, Reading(decimal="comma")).after == pytest.approx([1.25e-9])
    with pytest.raises(UserError, match="'1,234' does not fit, as decimals have points"):
        read_pulses(path, Reading(decimal="point"))
    clear = file(HEAD + "a;0;1;1,234\na;1;1;0,250\n")  # no thousand begins with 0
    assert read_pulses(clear).after == pytest.approx([0.25e-9])


# ----------------------------------------------------------------------------- implausible values


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a,0,+1,60000", r"line 2: conductance 60000 is a conductance of 0.06 S, and those of mem"),
        ("a,0,+1,1e-12", r"line 2: conductance 1e-12 is a conductance of 1e-18 S"),
        ("a,0,+1,-2", "line 2: conductance must be > 0, got -2; correct it, or leave the line out"),
        (
            "a,0,+1,nan",
            "line 2: column conductance must be a number, got 'nan'; correct it, or lea",
        ),
    ],
)
def test_a_conductance_that_no_memristor_has_is_questioned(file, row, message):
    path = file("device,pulse,polarity,conductance [uS]\n" + row + "\na,1,+1,60001\n")
    with pytest.raises(UserError, match=message):
        read_pulses(path)
    if "60000" in row:
        assert read_pulses(path, Reading(plausible=False)).after == pytest.approx([0.060001])


def test_a_current_needs_the_voltage_it_was_read_at(file):
    path = file(pulses("device,pulse,polarity,I (nA)", scale=100))
    with pytest.raises(
        UserError, match=r"no column read voltage .*; add it, or give read_voltage=0.2$"
    ):
        read_pulses(path)
    assert is_read(read_pulses(path, Reading(read_voltage=0.1)))
    zero = file("polarity,I (A),V read (V)\n1,1e-6,0\n")
    with pytest.raises(UserError, match=r"line 2: read voltage \[V\] must not be 0"):
        read_pulses(zero)


# ---------------------------------------------------------------------------------- instruments


T = np.linspace(0, 3.9, 40)
VOLTS, AMPS = np.sin(2 * T), 1e-5 * np.sin(2 * T) * (1 + 0.1 * T)
POINTS = list(zip(T.tolist(), VOLTS.tolist(), AMPS.tolist(), strict=True))


def sweep_is_read(loops, *, timed=True, device="m", rtol=1e-6):
    [loop] = loops
    assert loop.device == device
    np.testing.assert_allclose(loop.voltage, VOLTS, rtol=rtol, atol=1e-12)
    np.testing.assert_allclose(loop.current, AMPS, rtol=rtol, atol=1e-15)
    if timed:
        np.testing.assert_allclose(loop.time, T, rtol=1e-6, atol=1e-9)
    assert not loop.limited.any()
    return True


def test_easy_expert_is_read(file):
    """Keysight B1500: tags begin the lines, and a second record follows."""
    lines = [
        "SetupTitle, I/V Sweep", "PrimitiveTest, I/V Sweep", "TestParameter, Channel.Unit, SMU1",
        "MetaData, TestRecord.RecordTime, 03/01/2024 10:00:00", "AnalysisSetup, Analysis.Setup.X",
        "Dimension1, 40, 40, 40", "Dimension2, 1, 1, 1", "DataName, Time, V1, I1",
    ]  # fmt: skip
    lines += [f"DataValue, {t!r}, {v!r}, {i!r}" for t, v, i in POINTS]
    path = file("\r\n".join(lines) + "\r\n")
    assert measured_kind([path]) == "sweeps"
    assert sweep_is_read(read_loops([path]))
    path = file("\r\n".join(lines + lines[5:]) + "\r\n")
    [loop] = read_loops([path])
    assert loop.time.size == 80
    assert (np.diff(loop.time) > 0).all()
    assert loop.cycle.tolist() == [0] * 40 + [1] * 40
    units = [*lines[:8], "Data Unit, s, mV, uA"]
    units += [f"Data Value, {t!r}, {1e3 * v!r}, {1e6 * i!r}" for t, v, i in POINTS]
    assert sweep_is_read(read_loops([file("\n".join(units))]))


@pytest.mark.parametrize("begin", ["", ", "])
def test_easy_expert_by_column_is_read(file, begin):
    """Numbers stand below the names without a tag; a second record follows its own set-up."""
    lines = ["SetupTitle, I/V Sweep", "Dimension1, 40, 40", "Dimension2, 1, 1"]
    lines += ["DataName, Time, V1, I1", "DataUnit, s, mV, uA"]
    lines += [f"{begin}{t!r}, {1e3 * v!r}, {1e6 * i!r}" for t, v, i in POINTS]
    path = file("\r\n".join(lines) + "\r\n")
    assert measured_kind([path]) == "sweeps"
    assert sweep_is_read(read_loops([path]))
    [loop] = read_loops([file("\n".join(lines + lines))])
    assert loop.cycle.tolist() == [0] * 40 + [1] * 40
    np.testing.assert_allclose(loop.current, [*AMPS, *AMPS], rtol=1e-6, atol=1e-15)


def test_clarius_is_read(file):
    """Keithley 4200: a sweep's columns are counted, and other terminals stand between them."""
    heading = "Time(1),AnodeV(1),AnodeI(1),Time(2),AnodeV(2),AnodeI(2),START"
    rows = [f"{t!r},{v!r},{i!r},{t!r},{v!r},{2 * i!r},1" for t, v, i in POINTS]
    [loop] = read_loops([file("\n".join([heading, *rows]))])
    np.testing.assert_allclose(loop.current, [*AMPS, *(2 * AMPS)])
    assert loop.cycle.tolist() == [0] * 40 + [1] * 40
    rows = [f"{t!r},{i!r},{v!r},{-i!r},0" for t, v, i in POINTS]
    path = file("\n".join(["Time,AnodeI,AnodeV,CathodeI,CathodeV", *rows]))
    with pytest.raises(
        UserError, match=r"columns AnodeI and CathodeI may both .* .columns={current:"
    ):
        read_loops([path])
    chosen = Reading(columns={"current": "AnodeI", "voltage": "AnodeV"})
    assert sweep_is_read(read_loops([path], chosen))


def test_kickstart_is_read(file):
    """Keithley's KickStart: facts above the heading, and the instrument's name in it."""
    facts = ["Model,2450", "Firmware,1.7.12b", "Run started,03/01/2024 10:00:00 AM", ""]
    heading = "Index,SMU-1 Time (s),SMU-1 Voltage (V),SMU-1 Current (A)"
    rows = [f"{k},{t!r},{v!r},{i!r}" for k, (t, v, i) in enumerate(POINTS, 1)]
    assert sweep_is_read(read_loops([file("\n".join([*facts, heading, *rows]))]))


def test_a_clock_is_no_time(file):
    rows = [f"10:00:{k:02d},{v!r},{i!r}" for k, (_, v, i) in enumerate(POINTS)]
    path = file("\n".join(["Time,V,I", *rows]))
    with pytest.raises(
        UserError, match=r"got '10:00:00'; .columns={time: null}. leaves the column out"
    ):
        read_loops([path])
    assert sweep_is_read(read_loops([path], Reading(columns={"time": None})), timed=False)


def lvm(decimal=".", x_columns="One", segments=1):
    """Return a file of LabVIEW's Write To Measurement File."""
    lines = ["LabVIEW Measurement\t", "Writer_Version\t2", "Reader_Version\t2", "Separator\tTab",
             f"Decimal_Separator\t{decimal}", "Multi_Headings\tYes", f"X_Columns\t{x_columns}",
             "Time_Pref\tRelative", "Operator\tann", "Date\t2024/03/01", "Time\t10:00:00,1",
             "***End_of_Header***\t", ""]  # fmt: skip
    for _ in range(segments):
        lines += ["Channels\t2\t\t", "Samples\t40\t40\t", "Date\t2024/03/01\t2024/03/01\t",
                  "Time\t10:00:00\t10:00:00\t", "Y_Unit_Label\tVolts\tAmps",
                  "X_Dimension\tTime\tTime\t", "X0\t0.0E+0\t0.0E+0\t",
                  "Delta_X\t0.100000\t0.100000\t", "***End_of_Header***\t\t\t",
                  "X_Value\tVoltage_0\tCurrent_0\tComment"]  # fmt: skip
        for t, v, i in zip(T, VOLTS, AMPS, strict=True):
            x = f"{t:.6f}" if x_columns == "One" else ""
            lines.append(f"{x}\t{v:.9f}\t{i:.9E}\t".replace(".", decimal))
        lines.append("")
    return "\r\n".join(lines)


@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("x_columns", ["One", "No"])
def test_labview_is_read(file, decimal, x_columns):
    path = file(lvm(decimal, x_columns), "run.lvm")
    assert sweep_is_read(read_loops([path]), device="run")
    [loop] = read_loops([file(lvm(decimal, x_columns, segments=2))])
    assert loop.cycle.tolist() == [0] * 40 + [1] * 40


def test_a_broken_labview_header_is_no_traceback(file):
    for text in ("LabVIEW Measurement\t\n", "LabVIEW Measurement\t\n***End_of_Header***\t\n" * 2):
        with pytest.raises(UserError, match="has no lines"):
            read_loops([file(text)])


SPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
RELATIONS = "application/vnd.openxmlformats-package.relationships+xml"
PART = '<Override PartName="/xl/{name}.xml" ContentType="' + KIND + '.{kind}+xml"/>'
LINK = '<Relationship Id="r{id}" Type="' + OFFICE + '/{kind}" Target="{target}"/>'
LINKS = f'<Relationships xmlns="{PACKAGE}/relationships">{{}}</Relationships>'


def cell(value):
    if isinstance(value, str):
        return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
    return f"<c><v>{value!r}</v></c>"


def workbook(path, rows):
    """Write the least of a workbook: two sheets, numbers and inline texts."""
    sheets = {"Settings": [["Operator", "Ann"]], "Run1": rows}
    places = range(1, 1 + len(sheets))
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">'
        f'<Default Extension="rels" ContentType="{RELATIONS}"/>'
        + PART.format(name="workbook", kind="sheet.main")
        + "".join(PART.format(name=f"worksheets/sheet{k}", kind="worksheet") for k in places)
        + "</Types>",
        "_rels/.rels": LINKS.format(
            LINK.format(id=1, kind="officeDocument", target="xl/workbook.xml")
        ),
        "xl/workbook.xml": f'<workbook xmlns="{SPACE}" xmlns:r="{OFFICE}"><sheets>'
        + "".join(f'<sheet name="{name}" sheetId="{k}" r:id="r{k}"/>'
                  for k, name in enumerate(sheets, 1)) + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": LINKS.format("".join(
            LINK.format(id=k, kind="worksheet", target=f"worksheets/sheet{k}.xml") for k in places
        )),
    }  # fmt: skip
    for k, content in enumerate(sheets.values(), 1):
        data = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in content)
        parts[f"xl/worksheets/sheet{k}.xml"] = (
            f'<worksheet xmlns="{SPACE}"><sheetData>{data}</sheetData></worksheet>'
        )
    with zipfile.ZipFile(path, "w") as book:
        for name, text in parts.items():
            book.writestr(name, text)


def test_a_workbook_is_read(tmp_path):
    """The sheet with a heading is found; whole numbers of Excel are floats."""
    path = tmp_path / "m.xlsx"
    rows = [["device", "pulse", "polarity", "conductance [uS]"]]
    rows += [["a", float(n), sign, g] for sign, states in ((1.0, UP), (-1.0, DOWN))
             for n, g in enumerate(states)]  # fmt: skip
    workbook(path, rows)
    assert is_read(read_pulses(path))
    assert is_read(read_pulses(path, Reading(sheet="Run1")))
    with pytest.raises(UserError, match=r"has no sheet 'Run2'; did you mean Run1\?"):
        read_pulses(path, Reading(sheet="Run2"))
    rows[2][3] = "bad"
    workbook(path, rows)
    with pytest.raises(
        UserError, match=r"m.xlsx \[Run1\], line 3: column conductance must be a nu"
    ):
        read_pulses(path)


def test_what_is_no_workbook_is_explained(tmp_path, monkeypatch):
    path = tmp_path / "m.xlsx"
    path.write_text("device,pulse\n")
    with pytest.raises(UserError, match="cannot be read: it is no workbook of Excel"):
        read_pulses(path)
    with pytest.raises(UserError, match="cannot be read: No such file"):
        read_pulses(tmp_path / "none.xlsx")
    with pytest.raises(UserError, match=r"is a workbook of Excel 97: save it as .xlsx or CSV"):
        read_pulses(tmp_path / "old.xls")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(UserError, match=r"needs the extra xlsx: pip install 'matsweep\[xlsx\]'"):
        read_pulses(path)


# ---------------------------------------------------------------------------------------- kinds


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("time [s],voltage [V],current [A]", "sweeps"),
        ("V (V),I (A)", "sweeps"),
        ("V1,I1,Time", "sweeps"),
        ("NO.,VD,ID", "sweeps"),
        ("n,direction,V (V),I (A)", "sweeps"),
        ("pulse,V (V),I (A)", "pulses"),
        ("polarity,V (V),I (A)", "pulses"),
        ("n,G (uS)", "pulses"),
        ("n,time (s),R (ohm)", "retention"),
        ("device,pulse,voltage [V],conductance [uS]", "pulses"),
        ("device,pulse,polarity,current [A],read voltage [V]", "pulses"),
        ("time (s),R (ohm),T (K)", "retention"),
        ("time (s),current (A),read voltage (V)", "retention"),
        ("cycle,LRS (ohm),HRS (ohm)", "endurance"),
        ("cycle,state,resistance (ohm)", "endurance"),
        ("device,what", "pulses"),
    ],
)
def test_the_kind_is_that_of_the_columns(file, heading, kind):
    path = file(heading + "\n" + ",".join("1" for _ in heading.split(",")) + "\n")
    assert measured_kind([path]) == kind
    assert measured_kind([path], Reading(kind="sweeps")) == "sweeps"


def test_columns_without_headings_are_taken_as_stated(file):
    sweep = file("\n".join(f"{v!r}\t{i!r}" for _, v, i in POINTS), "iv.txt")
    without = Reading(header=False)
    assert measured_kind([sweep], without) == "sweeps"
    [loop] = read_loops([sweep], without)
    np.testing.assert_allclose(loop.voltage, VOLTS)
    assert "columns are taken as voltage, current" in loop.notes
    counted = file("".join(f"{n} {g}\n" for states in (UP, DOWN) for n, g in enumerate(states)))
    reading = Reading(header=False, unit="uS")
    assert measured_kind([counted], reading) == "pulses"
    data = read_pulses(counted, reading)
    assert is_read(data)
    assert "columns are taken as pulse and conductance" in data.notes
    assert any("polarity is taken from the change" in note for note in data.notes)
    applied = (0, 1.5, 1.5, 1.5, 0, -1, -1, -1)
    volts = file("".join(f"{v} {g}\n" for v, g in zip(applied, (*UP, *DOWN), strict=True)))
    assert is_read(read_pulses(volts, reading))
    three = file("".join(f"a,{n},1,{g}\n" for n, g in enumerate(UP)))
    with pytest.raises(
        UserError, match=r"has 4 columns without headings: say which is which, as in"
    ):
        measured_kind([three], reading)
    named = Reading(header=False, unit="uS", columns={"pulse": 2, "polarity": 3, "conductance": 4})
    assert read_pulses(three, named).after == pytest.approx(1e-6 * np.array(UP[1:]))


def test_options_are_checked():
    for options, message in (
        ({"kind": "pulse"}, "kind must be one of .*; did you mean pulses"),
        ({"decimal": ","}, "decimal must be one of comma, point; got ','"),
        ({"polarity": "inverse"}, "did you mean inverted"),
        ({"reverse": "left"}, "reverse must be one of down, up"),
        ({"rate": -1.0}, r"rate \[V/s\] must be > 0, got -1.0"),
        ({"temperature": 0.0}, r"temperature \[K\] must be > 0"),
        ({"read_voltage": 0.0}, r"read_voltage \[V\] must not be 0"),
        ({"compliance": -1e-6}, r"compliance \[A\] must be >= 0"),
    ):
        with pytest.raises(UserError, match=message):
            Reading(**options)


def test_files_of_several_kinds_are_refused(file):
    a = file("V (V),I (A)\n1,1e-6\n", "a.csv")
    b = file("time (s),R (ohm)\n1,1\n", "b.csv")
    with pytest.raises(
        UserError, match=r"a.csv holds I-V sweeps, .*b.csv holds states against time"
    ):
        measured_kind([a, b])
    assert read_retention(b, Reading(plausible=False)).traces[0].conductance == 1.0
