use super::*;

#[test]
fn whatever_became_of_a_notification_is_read_back_as_it_was_written() {
    let reason = || "it was full".to_owned();
    let fates = [Fate::Waiting, Fate::Delivered { at: Timestamp(9) }, Fate::Dead { reason: reason() }, Fate::NotSent { reason: reason() }];
    for fate in fates {
        let notification = Notification {
            id: NotificationId(1),
            at: Timestamp(5),
            group: Some(NotificationGroupId(2)),
            route: Some(RouteId(3)),
            told_as: None,
            cause: Cause::Opened,
            status: MessageStatus::Firing,
            step: 0,
            channel: ChannelId(4),
            recipients: Vec::new(),
            contacts: Vec::new(),
            title: "Disk is full".into(),
            incidents: Vec::new(),
            omitted: 0,
            delivery: None,
            revision: 0,
            fate,
        };
        let written = serde_json::to_string(&notification).expect("is written");
        assert_eq!(serde_json::from_str::<Notification>(&written).expect("is read"), notification, "{written}");
    }
}
