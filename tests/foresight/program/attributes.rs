//! The ATA attributes that the histories record, with the names that smartctl prints.

/// An attribute and its columns in a history.
pub struct Attribute {
    pub id: u8,
    pub name: &'static str,
    pub columns: Columns,
}

/// `rID` is the raw value, `nID` the normalised one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    Raw,
    Normalized,
    Both,
}

impl Attribute {
    const fn new(id: u8, name: &'static str, columns: Columns) -> Self {
        Self { id, name, columns }
    }

    pub fn raw_column(&self) -> Option<String> {
        if self.columns == Columns::Normalized { None } else { Some(format!("r{}", self.id)) }
    }

    pub fn normalized_column(&self) -> Option<String> {
        if self.columns == Columns::Raw { None } else { Some(format!("n{}", self.id)) }
    }
}

pub const ATTRIBUTES: [Attribute; 12] = [
    Attribute::new(5, "Reallocated_Sector_Ct", Columns::Both),
    Attribute::new(9, "Power_On_Hours", Columns::Raw),
    Attribute::new(10, "Spin_Retry_Count", Columns::Raw),
    Attribute::new(22, "Helium_Level", Columns::Normalized),
    Attribute::new(184, "End-to-End_Error", Columns::Normalized),
    Attribute::new(187, "Reported_Uncorrect", Columns::Both),
    Attribute::new(188, "Command_Timeout", Columns::Both),
    Attribute::new(194, "Temperature_Celsius", Columns::Raw),
    Attribute::new(196, "Reallocated_Event_Count", Columns::Raw),
    Attribute::new(197, "Current_Pending_Sector", Columns::Both),
    Attribute::new(198, "Offline_Uncorrectable", Columns::Raw),
    Attribute::new(199, "UDMA_CRC_Error_Count", Columns::Raw),
];

/// The values of one attribute; `None`: not recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttributeValues {
    pub raw: Option<u64>,
    pub normalized: Option<u8>,
}

/// The values of one reading, in the order of `ATTRIBUTES`.
pub type Values = [AttributeValues; ATTRIBUTES.len()];
