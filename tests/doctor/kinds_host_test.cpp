// Messages of the kernel, systemd, Slurm and shells about the host's memory.
#include "doctor/support.h"

namespace plimsoll::doctor::test {
namespace {

constexpr double kKib = 1.0 / 1024;

TEST(HostKinds, KernelInAGroup) {
  const auto found = diagnose(
      "[ 8123.4] "
      "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=c1,mems_allowed=0,oom_memcg=/docker/4fd2,task_memcg=/docker/"
      "4fd2,task=python3,"
      "pid=7181,uid=1000\n"
      "[ 8123.5] Memory cgroup out of memory: Killed process 7181 (python3) total-vm:9437184kB, anon-rss:4096000kB, file-rss:2048kB, "
      "shmem-rss:1024kB, "
      "UID:1000 pgtables:9000kB oom_score_adj:0\n");
  ASSERT_EQ(found.size(), 1U);
  expect_diagnosis(found[0], {Source::kernel, Cause::host_limit, Confidence::high, true, -1, -1, -1, -1, -1, -1, "cpu"});
  ASSERT_EQ(found[0].figures.processes.size(), 1U);
  EXPECT_EQ(found[0].figures.processes[0].pid, 7181);
  EXPECT_TRUE(found[0].figures.processes[0].self);
  expect_size("rss", found[0].figures.processes[0].size, (4096000 + 2048 + 1024) * kKib);
  EXPECT_NE(found[0].headline.find("python3"), std::string::npos);
  EXPECT_NE(explanation(found[0]).find("/docker/4fd2"), std::string::npos);
}

TEST(HostKinds, KernelOfTheWholeMachine) {
  const auto found =
      diagnose("Out of memory: Killed process 15784 (train.py) total-vm:119640kB, anon-rss:42880kB, file-rss:3028kB, shmem-rss:0kB\n");
  ASSERT_EQ(found.size(), 1U);
  expect_diagnosis(found[0], {Source::kernel, Cause::host_limit, Confidence::high, true, -1, -1, -1, -1, -1, -1, "cpu"});
  EXPECT_NE(explanation(found[0]).find("whole machine"), std::string::npos);
}

class Constraints : public ::testing::TestWithParam<const char*> {};

// Only the memory nodes that a program may use were full.
TEST_P(Constraints, AreNotTheWholeMachine) {
  const auto found = diagnose(
      std::string("[ 8123.4] oom-kill:constraint=") + GetParam() +
      ",nodemask=1,cpuset=batch,mems_allowed=1,global_oom,task_memcg=/a,task=python3,pid=7181,uid=1000\n"
      "[ 8123.5] Out of memory: Killed process 7181 (python3) total-vm:9437184kB, anon-rss:4096000kB, file-rss:0kB, shmem-rss:0kB\n");
  ASSERT_EQ(found.size(), 1U);
  expect_diagnosis(found[0], {Source::kernel, Cause::host_limit, Confidence::high, true, -1, -1, -1, -1, -1, -1, "cpu"});
  const std::string text = explanation(found[0]);
  EXPECT_EQ(text.find("whole machine"), std::string::npos) << text;
  EXPECT_EQ(text.find("the machine ran out"), std::string::npos) << text;
  EXPECT_NE(text.find("memory nodes"), std::string::npos) << text;
  EXPECT_NE(found[0].remedies.at(0).change.find("numactl"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(All, Constraints, ::testing::Values("CONSTRAINT_CPUSET", "CONSTRAINT_MEMORY_POLICY"));

TEST(HostKinds, OldKernelsWriteTwoLinesOfOneKill) {
  const auto found = diagnose(
      "Out of memory: Kill process 2700 (worker) score 811 or sacrifice child\nKilled process 2700 (worker) total-vm:1838376kB, "
      "anon-rss:2632kB, file-rss:628kB\n");
  ASSERT_EQ(found.size(), 1U);
  expect_size("rss", found[0].figures.processes.at(0).size, 3260 * kKib);
}

TEST(HostKinds, TwoProcessesAreTwoDiagnoses) {
  const auto found = diagnose(
      "Out of memory: Killed process 41 (a) total-vm:10kB, anon-rss:8kB, file-rss:1kB, shmem-rss:0kB\n"
      "Out of memory: Killed process 42 (a) total-vm:10kB, anon-rss:8kB, file-rss:1kB, shmem-rss:0kB\n");
  EXPECT_EQ(found.size(), 2U);
}

class Words : public ::testing::TestWithParam<std::pair<const char*, Source>> {};

TEST_P(Words, AreRecognised) {
  const auto found = diagnose(GetParam().first);
  ASSERT_EQ(found.size(), 1U) << GetParam().first;
  EXPECT_EQ(source_name(found[0].source), source_name(GetParam().second));
  EXPECT_EQ(found[0].cause, Cause::host_limit);
  EXPECT_FALSE(found[0].remedies.empty());
}

INSTANTIATE_TEST_SUITE_P(
    All, Words,
    ::testing::Values(
        std::pair{"systemd[1]: trainer.service: Failed with result 'oom-kill'.", Source::systemd},
        std::pair{"systemd[1]: trainer.service: A process of this unit has been killed by the OOM killer.", Source::systemd},
        std::pair{"slurmstepd: error: Detected 1 oom_kill event in StepId=81220.0. Some of the step tasks have been OOM Killed.",
                  Source::slurm},
        std::pair{"slurmstepd: error: Detected 2 oom-kill event(s) in step 81220.batch cgroup. Some of your processes may "
                  "have been killed by the "
                  "cgroup out-of-memory handler.",
                  Source::slurm},
        std::pair{"srun: error: gpu17: task 3: Out Of Memory", Source::slurm},
        std::pair{"    reason: OOMKilled\n    exitCode: 137", Source::kernel},
        std::pair{"command terminated with exit code 137", Source::kernel}, std::pair{"exitcode  : -9 (pid: 4411)", Source::kernel},
        std::pair{"trainer-1 exited with code 137", Source::kernel},
        std::pair{"RuntimeError: DataLoader worker (pid 41) is killed by signal: Killed.", Source::kernel},
        std::pair{"subprocess.CalledProcessError: Command 'x' died with <Signals.SIGKILL: 9>.", Source::kernel},
        std::pair{"Traceback of nothing\nKilled\n", Source::kernel},
        std::pair{"[1]+  Killed                  python3 a.py", Source::kernel},
        std::pair{"[2]-  8156 Killed                  python3 a.py", Source::kernel},
        std::pair{"[1]  + 8156 killed     python3 a.py", Source::kernel}, std::pair{"zsh: killed     python3 main.py", Source::kernel},
        std::pair{"zsh: 8156 killed     python3 main.py", Source::kernel}, std::pair{"Killed: 9\n", Source::kernel},
        std::pair{"./a.sh: line 3: 711 Killed: 9               python3 main.py", Source::kernel},
        std::pair{R"({"log":"Killed\n","stream":"stderr","time":"2025-10-25T13:08:43.1Z"})", Source::kernel},
        std::pair{"[ERROR] Worker (pid:8) was sent SIGKILL! Perhaps out of memory?", Source::kernel},
        std::pair{"fish: Job 1, 'python3 a.py' terminated by signal SIGKILL (Forced quit)", Source::kernel},
        std::pair{"The exit codes of the workers are {SIGKILL(-9)}", Source::kernel},
        std::pair{"Signal 9 (SIGKILL) received by PID 7", Source::kernel},
        std::pair{"command\xC2\xA0terminated with exit\xC2\xA0"
                  "code 137",
                  Source::kernel},
        std::pair{"srun: error: gpu17: task 0: Killed", Source::kernel}, std::pair{"srun: error: gpu17: tasks 0-3: Killed", Source::kernel},
        std::pair{"systemd[1]: a.service: Main process exited, code=killed, status=9/KILL", Source::kernel},
        std::pair{"   JobState=OUT_OF_MEMORY Reason=OutOfMemory Dependency=(null)", Source::slurm},
        std::pair{"sh: 1: Killed", Source::kernel}, std::pair{"./run.sh: 12: Killed", Source::kernel},
        std::pair{"2025/10/25 13:08:43 compile: signal: killed", Source::kernel},
        std::pair{"process didn't exit successfully: `target/a` (signal: 9, SIGKILL: kill)", Source::kernel},
        std::pair{"the child ended with signal: 9 (SIGKILL)", Source::kernel},
        std::pair{"trainer-0   0/1     OOMKilled   0          5m", Source::kernel},
        std::pair{"the pod is not ready: OOMKilled", Source::kernel}, std::pair{"trainer-0   0   OOMKilled   3", Source::kernel},
        std::pair{"no room was left and the pod was OOMKilled", Source::kernel},
        std::pair{"there was no restart\nOOMKilled", Source::kernel}, std::pair{"OOMKilled: 5", Source::kernel},
        std::pair{"Restarts: 0\nOOMKilled", Source::kernel}, std::pair{"live: no\nOOMKilled", Source::kernel},
        std::pair{"\"OOMKilled\": true", Source::kernel}, std::pair{"oom_kill 5", Source::kernel}, std::pair{"  oom 3", Source::kernel},
        std::pair{"low 0\nhigh 0\nmax 0\noom 0\noom_kill 1\noom_group_kill 0", Source::kernel},
        std::pair{"oom_kill_disable 0\nunder_oom 0\noom_kill 1", Source::kernel},
        std::pair{"/sys/fs/cgroup/memory.events:oom_kill 2", Source::kernel},
        std::pair{R"(kube_pod_status_reason{pod="a",reason="OOMKilled"} 1)", Source::kernel},
        std::pair{"/var/spool/job/script: line 28:  8156 Killed                  python3 main.py", Source::kernel}));

TEST(HostKinds, NamesAreTold) {
  EXPECT_NE(diagnose("systemd[1]: trainer.service: Failed with result 'oom-kill'.")[0].headline.find("trainer.service"), std::string::npos);
  EXPECT_NE(diagnose("slurmstepd: error: Detected 1 oom_kill event in StepId=81220.0. Some")[0].headline.find("81220.0 "),
            std::string::npos);
}

TEST(HostKinds, EventsOfAGroupAreOneMessage) {
  const auto found = diagnose("low 0\nhigh 0\nmax 41\noom 3\noom_kill 2\noom_group_kill 0\n");
  ASSERT_EQ(found.size(), 1U);
  expect_diagnosis(found[0], {Source::kernel, Cause::host_limit, Confidence::high, true, -1, -1, -1, -1, -1, -1, "cpu"});
  EXPECT_NE(found[0].headline.find("oom_kill 2"), std::string::npos);
  const auto spared = diagnose("max 41\noom 3\noom_kill 0\n");
  ASSERT_EQ(spared.size(), 1U);
  EXPECT_FALSE(spared[0].fatal);
  EXPECT_EQ(diagnose("oom_kill 2\nlog\noom_kill 2\n").size(), 1U);
}

TEST(HostKinds, EventsOfTwoGroupsAreTwoMessages) {
  const auto killed = diagnose("a/memory.events:oom_kill 3\nb/memory.events:oom_kill 7\n");
  ASSERT_EQ(killed.size(), 2U);
  EXPECT_EQ(killed[0].headline, "The kernel killed in the control group a, which reached its limit (oom_kill 3)");
  EXPECT_EQ(killed[1].headline, "The kernel killed in the control group b, which reached its limit (oom_kill 7)");
  const auto one_spared = diagnose("/a/memory.events:oom 2\n/a/memory.events:oom_kill 0\n/b/memory.events.local:oom_kill 7\n");
  ASSERT_EQ(one_spared.size(), 2U);
  EXPECT_EQ(one_spared[0].headline, "The kernel killed in the control group /b, which reached its limit (oom_kill 7)");
  EXPECT_EQ(one_spared[1].headline, "The control group /a reached its limit, and requests failed (oom 2)");
  EXPECT_EQ(diagnose("memory.events:oom 2\nmemory.events:oom_kill 1\n").size(), 1U);
  // `cat */memory.events` does not say whose they are.
  EXPECT_EQ(diagnose("oom 3\noom_kill 3\noom 9\noom_kill 7\n").size(), 2U);
  const auto alike = diagnose("max 41\noom 3\noom_kill 2\nmax 9\noom 5\noom_kill 2\n");
  ASSERT_EQ(alike.size(), 2U);
  EXPECT_TRUE(alike[1].fatal) << alike[1].headline;
}

// "oom 3" may be a count of anything's.
TEST(HostKinds, AnEventWithoutItsFileIsLessCertain) {
  EXPECT_EQ(diagnose("words:\noom 3\nzoom 4\n").at(0).confidence, Confidence::medium);
  EXPECT_EQ(diagnose("climax 4\noom 3\n").at(0).confidence, Confidence::medium);
  for (const char* sure : {"max 41\noom 3\n", "oom 3\noom_kill 0\n", "oom 3\noom_kill 3\n", "oom_kill 3\n", "a/memory.events:oom 3\n"})
    EXPECT_EQ(diagnose(sure).at(0).confidence, Confidence::high) << sure;
}

// A signal alone is weak evidence: whatever says more counts instead.
TEST(HostKinds, ASignalGivesWayToAMessage) {
  const auto found = diagnose("RuntimeError: cuDNN error: CUDNN_STATUS_ALLOC_FAILED\nprocess ended with exit code 137\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].source, Source::cuda);
  const auto alone = diagnose("process ended with exit code 137\n");
  EXPECT_EQ(alone.at(0).confidence, Confidence::low);
  EXPECT_NE(alone[0].tell_apart.find("memory.events"), std::string::npos);
}

// A size that a log leaves out is not one that nobody has.
TEST(HostKinds, NoSizeIsNotTooLargeASize) {
  const auto cut = diagnose("RuntimeError: [enforce fail at alloc_cpu.cpp:114] data. DefaultCPUAllocator: not enough memory\n");
  ASSERT_EQ(cut.size(), 1U);
  expect_diagnosis(cut[0], {Source::pytorch, Cause::host_limit, Confidence::low, true, -1, -1, -1, -1, -1, -1, "cpu"});
  EXPECT_EQ(cut[0].tell_apart, "");
  EXPECT_EQ(explanation(cut[0]).find("more than any machine has"), std::string::npos);
  const std::string asked = "RuntimeError: DefaultCPUAllocator: can't allocate memory: you tried to allocate ";
  const std::string rest = " bytes. Error code 12 (Cannot allocate memory)\n";
  // 1 EiB, 128 TiB and 5 TiB.
  EXPECT_EQ(diagnose(asked + "1152921504606846976" + rest).at(0).cause, Cause::too_large);
  EXPECT_EQ(diagnose(asked + "140737488355328" + rest).at(0).cause, Cause::too_large);
  EXPECT_EQ(diagnose(asked + "5497558138880" + rest).at(0).cause, Cause::host_limit);
}

/// The line by itself, and as terminals, containers and other lines may stand around it.
std::vector<std::string> positions(const std::string& line) {
  return {line, "step 7 loss 0.25\n" + line + "\nstep 8 loss 0.24\n", "trainer-1  | " + line + "\n",
          "2025-10-25T13:08:43.123456789Z stderr F " + line + "\n", "\x1b[1;31m" + line + "\x1b[0m\n"};
}

class Denials : public ::testing::TestWithParam<const char*> {};

TEST_P(Denials, AreNoKills) {
  for (const std::string& log : positions(GetParam())) EXPECT_TRUE(diagnose(log).empty()) << log;
}

INSTANTIATE_TEST_SUITE_P(
    All, Denials,
    ::testing::Values("{'OOMKilled': False, 'Dead': False}", "\"OOMKilled\":\"false\"", "OOMKilled: 'false'", "OOMKilled: no",
                      "OOMKilled: ~", "OOMKilled: None", "OOMKilled=no ", "OOMKilled: false Error: none",
                      R"(\"OOMKilled\":false,\"Dead\":false)", "OOMKilled: 0.0", "NAME   OOMKilled   EXIT", "name,OOMKilled,exit_code",
                      "\"Name\",\"OOMKilled\",\"ExitCode\"", R"(kube_pod_status_reason{pod="a",reason="OOMKilled"} 0.0)",
                      R"(kube_pod_status_reason{pod="a",reason="OOMKilled"}  0)", "if the pod is OOMKilled, raise its limit",
                      "If one of the pods of this job is OOMKilled, its limit is raised", "{\"msg\":\"if the pod was OOMKilled\"}",
                      "If a pod is above its limit, it is OOMKilled", "check whether it was killed by the OOM killer",
                      "it would have been OOMKilled", "to avoid being OOMKilled", "will get OOMKilled", "it ran without being OOMKilled",
                      "pods may be OOMKilled", "a larger batch will be killed by the OOM killer", "nothing was killed by the OOM killer",
                      "None of the pods was OOMKilled", "No OOMKilled events found", "0 pods OOMKilled, 3 running", "0 OOMKilled",
                      "3 running and 0 OOMKilled", "of 3 pods, 0 OOMKilled", "there were 0 pods OOMKilled",
                      "found 0 of 3 containers OOMKilled", "Detected 0 oom_kill events in StepId=1.0"));

TEST(HostKinds, ATableOfTruthValuesTellsOfNone) {
  EXPECT_TRUE(diagnose("name  OOMKilled\nweb   false\n").empty());
  EXPECT_TRUE(diagnose("pod,OOMKilled\nweb,False\n").empty());
  EXPECT_EQ(diagnose("NAME  STATUS\nweb   OOMKilled\n").size(), 1U);
}

TEST(HostKinds, AValueIsReadOverTheEndOfALine) {
  const std::string flag = "'OOMKilled': False,";
  for (std::size_t cut = flag.find("':"); cut < flag.size(); ++cut) {
    const std::string log = "{'Running': False, " + flag.substr(0, cut) + "\n" + flag.substr(cut) + " 'Dead': False}\n";
    EXPECT_TRUE(diagnose(log).empty()) << log;
  }
}

class Kills : public ::testing::TestWithParam<const char*> {};

TEST_P(Kills, AreTold) {
  for (const std::string& log : positions(GetParam())) EXPECT_EQ(diagnose(log).size(), 1U) << log;
}

INSTANTIATE_TEST_SUITE_P(
    All, Kills,
    ::testing::Values("Worker 0 was OOMKilled", "rank 0 was killed by the OOM killer", "GPU 0 worker killed by the OOM killer",
                      "Task 0 OOMKilled", "web 0 OOMKilled", "replica 0 was OOMKilled", "Worker 0 gets OOMKilled",
                      "GPU 0 process killed by the OOM killer", "{'OOMKilled': True, 'Dead': False}", "OOMKilled: 'true'", "OOMKilled: yes",
                      "OOMKilled: no memory was left", "OOMKilled: node ran full", "web   default   OOMKilled", "web,OOMKilled,137",
                      R"(["web","OOMKilled","Error"])", R"(kube_pod_status_reason{pod="a",reason="OOMKilled"} 1.0)",
                      R"(kube_pod_status_reason{pod="a",reason="OOMKilled"}  1)", R"({"reason":"OOMKilled","exitCode":0})",
                      "it may have been OOMKilled", "cannot restart container which was OOMKilled",
                      "The container without swap was OOMKilled", "The pod that can use 2GiB was OOMKilled",
                      "It is unclear if the node was slow, but the container was OOMKilled", "3 May 2025 web OOMKilled",
                      "the limit could not be read. The pod was OOMKilled", "CONTAINER   STATUS   5f2a   Exited (137) 5 minutes ago"));

class Ordinary : public ::testing::TestWithParam<const char*> {};

TEST_P(Ordinary, IsNotAboutMemory) { EXPECT_TRUE(diagnose(GetParam()).empty()) << diagnose(GetParam())[0].headline; }

INSTANTIATE_TEST_SUITE_P(
    All, Ordinary,
    ::testing::Values(
        "the room is booked, the zoom is on, OOM is a word", "process exited with exit code 1378", "exit code 9", "error code 12",
        "He killed processes for a living", "Tried to allocate a budget of 3 GiB", "You may run out of memory if you do that",
        "exit code 1\n37 passed", "exit status 1\n372 rows", "exit status 1\n37 rows", "exit code 13\n7 tests failed",
        "Process finished with exit code 1\n\n37 files changed", "exit code 1\n2026-01-02 10:00:00 37 passed",
        "reason: Completed (not OOMKilled)", "it was never killed by the OOM killer", "the container wasn't OOMKilled",
        "no pods that had been OOMKilled", "OOMKilled: 0", "OOMKilled=0", "\"OOMKilled\": false", "it was not\nkilled by the OOM killer",
        "the pod was never\nOOMKilled", "low 0\noom 0\noom_kill 0", "oom_kill_disable 0\nunder_oom 0", "room 3",
        R"(kube_pod_status_reason{pod="a",reason="OOMKilled"} 0)", R"(kube_pod_status_reason{reason="OOMKilled",pod="a"} 0 1767225600)",
        "step: 1: Killed the cache", "a signal killed it", "code=exited, status=9/KILL", "bench shared memory: Required",
        "Device 0 OOM score", "INTERNAL ASSERT FAILED at \"x.cpp\":3", "unable to allocate time",
        "waiting 10 s for workers to stop before sending SIGKILL", "signal.SIGKILL is not supported here",
        "sleeping, then by default sending SIGKILL", "signals: SIGTERM SIGKILL", "killed python3 main.py", "a killed: 9 lives",
        "[cache] Killed the prefetch", "vm.overcommit_memory = 2", "exited 137 times", "pgfault 71\noom_kill 5\nnuma_hit 3",
        "drop_slab 0\noom_kill 5\n", "oom_kill 5\nnuma_pte_updates 0\n", "    except torch.cuda.OutOfMemoryError:",
        "except (torch.cuda.OutOfMemoryError, RuntimeError) as e:", "    raise torch.OutOfMemoryError",
        "train.py:33:    except torch.OutOfMemoryError as e:", "    with pytest.raises(torch.cuda.OutOfMemoryError):",
        "    if isinstance(e, torch.cuda.OutOfMemoryError):", "", "\n\n\n"));

}  // namespace
}  // namespace plimsoll::doctor::test
