//! Where an agent talks to. Enrolment is on the API listener, everything else on the agent listener, which demands a certificate.

/// `POST`, JSON [`crate::enrol::EnrolRequest`] → [`crate::enrol::EnrolReply`]; on the API listener.
pub const ENROL: &str = "/agent/v1/enrol";

/// `POST`, frame or JSON of [`crate::message::Push`] → [`crate::message::PushReply`].
pub const PUSH: &str = "/agent/v1/push";

/// Header of a push: the time between two pushes of this agent when nothing is urgent, in whole milliseconds, within
/// [`crate::limits::PUSH_INTERVAL_MS`]. Without it that is the default of [`crate::message::Settings`]. It stands beside the body because
/// frames of one schema never change; a server that does not know it reads nothing else into the push.
pub const PUSH_INTERVAL: &str = "rollcall-push-interval-ms";

/// `POST`, frame or JSON of [`crate::message::Upload`] → [`crate::message::UploadReply`].
pub const SECTIONS: &str = "/agent/v1/sections";

/// Media type of a binary frame, and what a body is that names none: then the answer names none either. The JSON form of the same messages is
/// `application/json`.
pub const FRAME_TYPE: &str = "application/vnd.rollcall.frame";

/// What the subject alternative name (URI) of an agent's certificate starts with; the agent id follows.
pub const AGENT_URI: &str = "rollcall:agent:";
