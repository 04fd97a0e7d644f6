//! The kinds of events, each with its `MESSAGE_ID` in the journal (systemd.journal-fields(7)).
//!
//! `packaging/journal/jbod-monitor.catalog` explains each kind and its remedy.

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $id:literal,)+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum EventKind {
            $($(#[$doc])* $name,)+
        }

        impl EventKind {
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// 32 hexadecimal digits. Random, and never changed, because filters of users depend on it.
            pub const fn message_id(self) -> &'static str {
                match self {
                    $(Self::$name => $id,)+
                }
            }
        }
    };
}

kinds! {
    Started = "1ee89ceea79142f2927b1b22f926fb35",
    Stopping = "d57b7a1d256546ddbadb187cbed89270",
    DriveAppeared = "150eb3a445f945a69aeadf0920a7e36a",
    DriveMissing = "1720e40ed8104c6c921b914a2a1ce0b2",
    DriveBack = "2679b09f667043ec8f98300ee80458f4",
    DriveMoved = "6e6240b3e3c14cd1acef80d98e6f0ca5",
    DriveReplaced = "e26fe3c2e21346e581400ec92e02552d",
    /// A missing drive was removed from the inventory by `jbod-monitor forget`.
    DriveForgotten = "8c1f0b6a5de74c0f9a3e27d4b16f92e5",
    PathsForgotten = "f768064f958547ada39eed24c2c063fe",
    ShelfForgotten = "5966eb44e0c6474495113dc30e9a8df5",
    ModulesForgotten = "b9c48cb01720400e8ca82984fcb042d9",
    /// A verdict has become worse, or the first verdict of a drive is not `ok`.
    DriveWorse = "13f2d0376bbf48f8a4594a6decf17a61",
    DriveBetter = "1236825147574eabb5a80f1c4f6de0f5",
    /// smartctl returned no usable result.
    DriveUnread = "feb81e8a52634a0cb356a864b04d4163",
    DriveUnresponsive = "1b7c0f33caf74003b01c7aedbbd97242",
    DriveAnswers = "b3476173a59a4888a0d88aaa523e0f05",
    /// The changes beyond the maximum number of events, with more than one cause.
    ManyDrives = "aa73958eefe54144a9c775171420f864",
    /// A drive has lost a path and is still present.
    PathLost = "6a43b7fc998b44eeaf34f9c3e967a2cb",
    PathBack = "29a6c5f33f5c4906b971cbd6d9d291b1",
    HostSilent = "14303479619f437c93a4604dc967e52c",
    HostAnswers = "2c4a4688a278454b84e3bbafde0dabd5",
    ShelfSilent = "e9f6a5e5eb7744aeaaf532b83989cec5",
    ShelfAnswers = "cb4e000819c5406c92af1238f4c7cb9c",
    /// The kernel no longer shows an enclosure.
    ShelfMissing = "bdb7ba12738b447485c8a6fa9890a3d0",
    ShelfBack = "58fa2bdb6b12431696ff64faf9fedca7",
    /// An enclosure has lost one of its IO modules.
    ModuleMissing = "70013bd0345e4a27a8513d1db22e38da",
    ModuleBack = "118b1b2812474a5d913d8cd63e41b54a",
    PoolState = "47fb95b2ffe34e6392f83e6602d71810",
    /// A finding about a pool other than its state: damaged data, or a leaf that is not a drive of this host.
    PoolFinding = "c31b07b70b364de2b0448a906122a315",
    PoolFindingEnded = "c120d7261d144380ad27cfaafd2d4025",
    RedisAway = "129321283a47445ab5330399f48364e7",
    RedisBack = "2327e14b2acf45daa12fef80a273e7b6",
    RedisRefuses = "4df5766194b64736ba5b2d14c5ca7cbc",
    RedisTakes = "30850142ad414ef5aa48599a09655c33",
    SmartctlUnusable = "2d577d1772f94a3c9969248c8a46b7d0",
    SmartctlUsable = "f716c96554974fe6a1b37a160e932728",
    ZpoolUnreadable = "f39e63cd2e484030917a9514e6da9cb0",
    ZpoolReadable = "d9172c9fc394425684e082ad57d889fb",
    Sweep = "7c14608883a54982844bcf9485698334",
    ClockSet = "03a34650f9514210b47fb6f3e85c5233",
    LinesLeftOut = "e0def60e183149c5b78fb92bf4a82837",
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_kind_has_its_own_message_id() {
        let ids: BTreeSet<&str> = EventKind::ALL.iter().map(|kind| kind.message_id()).collect();
        assert_eq!(ids.len(), EventKind::ALL.len());
        for id in ids {
            assert!(id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{id}");
        }
    }
}
