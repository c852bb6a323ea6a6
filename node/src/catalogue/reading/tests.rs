use proptest::prelude::*;

use super::*;
use crate::catalogue::Catalogue;

fn day(text: &str) -> i32 {
    period::days(text.parse().unwrap())
}

#[test]
fn dates_are_read_as_people_write_them() {
    for text in [
        "2016-08-03",
        "2016/8/3",
        "2016.8.3",
        "2016年8月3日",
        "2016年08月03号",
        " 2016 年 8 月 3 日 ",
        "2016年8月3",
        "20160803",
        "42585",
        "42585.0",
        "42585.4375",
        "２０１６－０８－０３",
        "２０１６年８月３日",
        "2016-08-03 10:30",
        "2016/8/3 0:00:00",
        "2016-08-03T10:30:00Z",
        "2016年8月3日 上午10时30分",
    ] {
        assert_eq!(read_date(text).unwrap(), day("2016-08-03"), "{text}");
    }
}

#[test]
fn what_is_no_date_or_could_be_two_is_refused() {
    for text in [
        "",
        "昨天",
        "16.8.3",
        "3/8/2016",
        "2016-8",
        "2016-13-01",
        "2015-02-29",
        "2016-08-03-04",
        "2016-08-03 晚上",
        "160803",
        "201608031",
        "-42585",
        "2016--08",
        "2016-8-三",
    ] {
        assert_eq!(read_date(text), Err(Refusal::not_a_date()), "{text}");
    }
    for text in ["1899-12-31", "2201-01-01", "18991231"] {
        assert_eq!(read_date(text), Err(Refusal::year_out_of_range()), "{text}");
    }
}

#[test]
fn numbers_are_read_as_people_write_them() {
    for (text, number) in [
        ("12", 12),
        (" 012 ", 12),
        ("１２", 12),
        ("1,200", 1_200),
        ("１，２００，０００", 1_200_000),
        ("12.0", 12),
        ("12.00", 12),
        ("-3", -3),
        ("−3", -3),
        ("+3", 3),
    ] {
        assert_eq!(read_integer(text), Ok(number), "{text}");
    }
    for text in
        ["", "十二", "1,5", "1,2000", "12.5", "12人", "1 200", "--3", ".5", "5.", "99999999999999999999", "0x10", "1e3"]
    {
        assert_eq!(read_integer(text), Err(Refusal::not_an_integer()), "{text}");
    }
}

#[test]
fn money_is_read_exactly_in_every_unit() {
    for (text, fen) in [
        ("35000", 3_500_000),
        ("35,000.00元", 3_500_000),
        ("3.5万元", 3_500_000),
        ("３．５万元", 3_500_000),
        ("3.5万", 3_500_000),
        ("￥35000", 3_500_000),
        ("人民币35000元整", 3_500_000),
        ("0.35亿元", 3_500_000_000),
        ("35千元", 3_500_000),
        ("1分", 1),
        ("0.01", 1),
        ("28738000.00元", 2_873_800_000),
        ("2873.8万元", 2_873_800_000),
        ("-5元", -500),
        ("0.000001万元", 1),
    ] {
        assert_eq!(read_money(text), Ok(fen), "{text}");
    }
    assert_eq!(read_money("0.005"), Err(Refusal::too_fine()));
    assert_eq!(read_money("0.0000001万元"), Err(Refusal::too_fine()));
    for text in ["", "元", "五百元", "5美元", "5元5角", "1,0元", "170141183460469231731687303715884105728"] {
        assert_eq!(read_money(text), Err(Refusal::not_money()), "{text}");
    }
}

#[test]
fn flags_are_read_as_people_write_them() {
    for text in ["是", " 是 ", "有", "√", "Yes", "Y", "ＹＥＳ", "true", "1"] {
        assert_eq!(read_flag(text), Ok(true), "{text}");
    }
    for text in ["否", "无", "×", "no", "N", "FALSE", "0"] {
        assert_eq!(read_flag(text), Ok(false), "{text}");
    }
    for text in ["", "也许", "2", "是否"] {
        assert_eq!(read_flag(text), Err(Refusal::not_a_flag()), "{text}");
    }
}

#[test]
fn rows_are_read_from_one_cell() {
    let rows = |text| read_rows(2, text).iter().map(|row| row.join("|")).collect::<Vec<_>>().join("\n");
    assert_eq!(rows("张三/138；李四"), "张三|138\n李四");
    assert_eq!(rows("张三／138;李四\n王五；"), "张三|138\n李四\n王五");
    assert_eq!(rows(r"甲\/乙\；丙\\"), r"甲/乙；丙\");
    assert_eq!(rows(" ；;/\n"), "");
    assert_eq!(rows("张三、李四/138"), "张三、李四|138");
    assert_eq!(
        read_rows(1, r"王五、赵六，钱七,孙八；李九\、十").concat(),
        ["王五", "赵六", "钱七", "孙八", "李九、十"]
    );
}

fn list_of_texts() -> FieldKind {
    let catalogue = Catalogue::embedded().unwrap();
    catalogue.ledger("mediation").unwrap().field("parties").unwrap().kind().clone()
}

proptest! {
    #[test]
    fn reading_a_printed_date_number_amount_or_flag_gives_it_again(
        days in 0..=109_937_i32,
        number in -1_000_000_000_000_000_i64..1_000_000_000_000_000,
        flag: bool,
    ) {
        let value = |kind| v1::Value { kind: Some(kind) };
        let money = FieldKind::Money { min: i64::MIN, max: i64::MAX };
        let integer = FieldKind::Integer { min: i64::MIN, max: i64::MAX };
        prop_assert_eq!(read_date(&print(&FieldKind::Date, &value(Kind::Date(days)))), Ok(days));
        prop_assert_eq!(read_integer(&print(&integer, &value(Kind::Integer(number)))), Ok(number));
        prop_assert_eq!(read_money(&print(&money, &value(Kind::Integer(number)))), Ok(number));
        prop_assert_eq!(read_flag(&print(&FieldKind::Flag, &value(Kind::Flag(flag)))), Ok(flag));
    }

    #[test]
    fn reading_printed_rows_gives_them_again(
        rows in prop::collection::vec(prop::collection::vec(r"[a张/／；;\n\\ ]{0,6}", 4), 0..5),
    ) {
        let kind = list_of_texts();
        let rows: Vec<Vec<String>> =
            rows.into_iter().filter(|row| row.iter().any(|cell| !cell.trim().is_empty())).collect();
        let row = |cells: &Vec<String>| {
            let values = kind.columns().iter().zip(cells);
            let text = |cell: &String| v1::Value { kind: Some(Kind::Text(cell.clone())) };
            v1::Row { values: values.map(|(column, cell)| (column.name().to_owned(), text(cell))).collect() }
        };
        let list = v1::Value { kind: Some(Kind::List(v1::List { rows: rows.iter().map(row).collect() })) };
        prop_assert_eq!(read_rows(4, &print(&kind, &list)), rows);
    }

    #[test]
    fn reading_printed_words_gives_them_again(words in prop::collection::vec(r"[a王/／；;、，,\n\\]{1,6}", 0..5)) {
        let catalogue = Catalogue::embedded().unwrap();
        let kind = catalogue.ledger("mediation").unwrap().field("mediators").unwrap().kind().clone();
        let words: Vec<String> = words.into_iter().filter(|word| !word.trim().is_empty()).collect();
        let text = |word: &String| v1::Value { kind: Some(Kind::Text(word.clone())) };
        let rows = words.iter().map(|word| v1::Row { values: [("name".to_owned(), text(word))].into() }).collect();
        let list = v1::Value { kind: Some(Kind::List(v1::List { rows })) };
        prop_assert_eq!(read_rows(1, &print(&kind, &list)).concat(), words);
    }

    #[test]
    fn width_separators_and_units_do_not_change_an_amount(fen in 0..10_000_000_000_i64) {
        let wan = format!("{}.{:06}万元", fen / 1_000_000, fen % 1_000_000);
        prop_assert_eq!(read_money(&wan), Ok(fen));
        let wide: String = wan.chars().map(|c| match c {
            '0'..='9' | '.' => char::from_u32(u32::from(c) + 0xfee0).unwrap(),
            other => other,
        }).collect();
        prop_assert_eq!(read_money(&wide), Ok(fen));
    }

    #[test]
    fn no_text_makes_reading_panic(text in r"(\PC|[0-9年月日/.,，；\\元万]){0,40}") {
        let _ = (read_date(&text), read_integer(&text), read_money(&text), read_flag(&text), read_rows(1, &text));
    }
}
