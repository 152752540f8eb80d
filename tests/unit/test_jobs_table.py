"""Tables of clips as people save them: spreadsheets' dialects, JSON, folders, and what is no table."""

import json

import pytest

from sonic_core.errors import SettingsError
from sonic_core.jobs.table import pair_folders, read_rows

EXCEL = '\ufeffimage;audio;output\r\n"my ""best"" picture.png";你好.wav;"a;b 😀.mp4"\r\n;;\r\nme.png;two.wav;\r\n'


def values(path):
    return [dict(row.values) for row in read_rows(path)]


def test_excel_semicolons_quotes_and_names_of_every_kind_are_read(tmp_path):
    table = tmp_path / "jobs.csv"
    table.write_bytes(EXCEL.encode())
    assert values(table) == [
        {"image": 'my "best" picture.png', "audio": "你好.wav", "output": "a;b 😀.mp4"},
        {"image": "me.png", "audio": "two.wav"},
    ]
    assert [row.number for row in read_rows(table)] == [2, 4]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_a_table_may_be_saved_in_any_usual_encoding(tmp_path, encoding):
    table = tmp_path / "jobs.csv"
    table.write_bytes("image,audio\n我.png,你好.wav\n".encode(encoding))
    assert values(table) == [{"image": "我.png", "audio": "你好.wav"}]


def test_json_lines_and_lists_say_the_same(tmp_path):
    rows = [{"image": "a.png", "audio": "b.wav", "seed": 3}, {"image": "c.png", "audio": "d.wav"}]
    (tmp_path / "jobs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "jobs.json").write_text(json.dumps({"jobs": rows}))
    assert values(tmp_path / "jobs.jsonl") == values(tmp_path / "jobs.json") == rows


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"image,audio\n", "names no clip"),
        ("a.csv", b"image,audio,image\n1,2,3\n", "twice: image"),
        ("a.csv", b"image,audio\na,b,c\n", "row 2: 3 cells under 2 columns"),
        ("a.jsonl", b'{"image": \n', "row 1 is no JSON"),
        ("a.json", b"3", "holds a int"),
        ("a.xlsx", b"PK", "unknown kind"),
    ],
)
def test_what_is_no_table_is_told_with_its_cure(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingsError, match=said):
        list(read_rows(tmp_path / name))


def files(folder, *names):
    folder.mkdir()
    for name in names:
        (folder / name).touch()
    return folder


def test_folders_pair_by_name_or_all_with_all(tmp_path):
    pictures, recordings = files(tmp_path / "p", "a.png", "b.jpg"), files(tmp_path / "r", "a.wav", "b.mp3", "x.txt")
    assert [row.values["output"] for row in pair_folders(pictures, recordings)] == ["a.mp4", "b.mp4"]
    assert [row.values["output"] for row in pair_folders(pictures / "a.png", recordings)] == ["a.mp4", "b.mp4"]
    assert len({row.values["output"] for row in pair_folders(pictures, recordings, product=True)}) == 4
    (recordings / "c.wav").touch()
    with pytest.raises(SettingsError, match=r"No picture bears the name of c\.wav"):
        list(pair_folders(pictures, recordings))


def test_two_pictures_of_one_name_are_told_where_a_recording_wants_one(tmp_path):
    pictures = files(tmp_path / "p", "a.png", "b.jpg", "b.png")
    assert [row.values["image"][-5:] for row in pair_folders(pictures, files(tmp_path / "q", "a.wav"))] == ["a.png"]
    with pytest.raises(SettingsError, match=r"b\.jpg and b\.png bear the same name"):
        list(pair_folders(pictures, files(tmp_path / "r", "b.wav")))
