// A C++ gRPC server that takes the gateway's message, answers the gateway's message, and does nothing: what the
// machine itself allows. Prints its port.
#include <grpcpp/grpcpp.h>

#include <iostream>

#include "ota/v1/ota_service.grpc.pb.h"

class OtaService final : public ota::v1::OtaService::CallbackService {
  grpc::ServerUnaryReactor* CancelTasksByDevice(grpc::CallbackServerContext* context,
                                                const ota::v1::CancelTasksByDeviceRequest* request,
                                                ota::v1::CancelTasksByDeviceResponse* response) override {
    for (const auto& name : request->device_names()) {
      auto* result = response->add_results();
      result->set_device_name(name);
      result->set_outcome(ota::v1::OUTCOME_ACCEPTED);
    }
    auto* call = response->add_calls();
    call->set_request_id("call-1234567");
    call->set_device_count(1);
    call->set_success(true);
    call->set_attempts(1);
    call->mutable_sent_time()->set_seconds(1700000000);
    call->mutable_duration()->set_nanos(20000000);
    response->mutable_quota_wait()->set_nanos(20000000);
    response->set_success(true);
    auto* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

int main() {
  OtaService service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  auto server = builder.BuildAndStart();
  std::cout << port << std::endl;
  server->Wait();
}
