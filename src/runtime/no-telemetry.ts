// ONNX Runtime, since 1.29, tells its makers about models and machines and keeps an id of the machine in the home folder,
// unless it is told not to before its library is loaded. Nobody who cleans a dataset asked for that. What counts is the
// environment of the process, which only the main thread can change: whoever starts threads imports this as well.

process.env.ORT_DISABLE_TELEMETRY ??= '1';
