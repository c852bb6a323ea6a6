//! Records to write.

use wuji_node::catalogue::Values;
use wuji_proto::v1;

/// A mediation case, varied by `seed`.
pub fn values(seed: u8, number: u8) -> Values {
    let text = |text: &str| v1::Value { kind: Some(v1::value::Kind::Text(text.to_owned())) };
    let pick = |words: &[&'static str]| words[usize::from(seed) % words.len()];
    let day = format!("2016-0{}-1{}", seed % 3 + 5, seed % 4);
    let mut values: Values = [
        ("case_no", text(&format!("no {number}"))),
        ("accepted_on", text(&day)),
        ("dispute_type", text(pick(&["婚姻家庭", "邻里", "合同"]))),
        ("source", text(pick(&["当事人申请", "主动调解"]))),
        ("difficulty", text(pick(&["简单", "一般", "重大", "疑难"]))),
        ("form", text(pick(&["口头", "书面"]))),
        ("people_count", text(&(seed % 5 + 2).to_string())),
        ("amount", text(&format!("{}.50元", u32::from(seed) * 100))),
        ("summary", text("两家因宅基地起争执，经调解和好。")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let mediator = v1::Row { values: [("name".to_owned(), text("王调解"))].into() };
    let list = v1::List { rows: vec![mediator] };
    values.insert("mediators".to_owned(), v1::Value { kind: Some(v1::value::Kind::List(list)) });
    if !seed.is_multiple_of(3) {
        values.insert("result".to_owned(), text("成功"));
        values.insert("mediated_on".to_owned(), text(&day));
    }
    values
}
